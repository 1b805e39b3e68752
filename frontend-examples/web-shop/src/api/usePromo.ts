import { useEffect } from "react";
import { useClient } from "urql";
import { PromoVisitMutation } from "../operations/promo";
import { useSession } from "./ShopProvider";

const KEY = "kameng.promo";

/** Keeps the code of the link that led here; it grants nothing, and ends with the tab. */
function keepPromo(): void {
  const address = new URL(window.location.href);
  const code = address.searchParams.get("promo");
  if (!code) return;
  sessionStorage.setItem(KEY, code);
  // Whoever copies the address from here on shares the page, not the link of somebody else.
  address.searchParams.delete("promo");
  window.history.replaceState(window.history.state, "", address);
}

/**
 * Tells the shop by which link the visitor came, once it knows who that is. A link that leads nowhere
 * any more is nothing that a buyer could do something about.
 */
export function usePromo(): void {
  const client = useClient();
  const { viewer } = useSession();
  const viewerId = viewer?.id;
  useEffect(keepPromo, []);
  useEffect(() => {
    const code = sessionStorage.getItem(KEY);
    if (!viewerId || !code) return;
    void client
      .mutation(PromoVisitMutation, { input: { code } })
      .toPromise()
      .then(({ data }) => {
        if (data?.promoVisit) sessionStorage.removeItem(KEY);
      });
  }, [client, viewerId]);
}
