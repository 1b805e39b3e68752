import type { Buying, BuyRefusal } from "../api/useBuy";
import { useI18n } from "../i18n";
import { Failure, Notice } from "./states";

/** Faults of what was filled in are told at their fields. */
const shownHere = (refusal: BuyRefusal): boolean => refusal.__typename !== "AccountInvalidError";

/** What became of the last press of "buy", when it did not become an order. */
export function BuyAnswer({ buying }: { buying: Buying }) {
  const { t } = useI18n();
  if (buying.working) return null;
  return (
    <>
      {buying.refusals.filter(shownHere).map((each) => (
        <Notice key={each.code} text={each.message} code={each.code}>
          <Advice refusal={each} />
        </Notice>
      ))}
      {buying.error && <Failure error={buying.error} />}
      {buying.open && (
        <div className="notice notice-warn" role="status">
          <div>
            <strong>{t("buy.unknown")}</strong>
            <p>{t("buy.unknownText")}</p>
          </div>
        </div>
      )}
    </>
  );
}

function Advice({ refusal }: { refusal: BuyRefusal }) {
  const { t, money } = useI18n();
  if (refusal.__typename === "PriceChangedError") {
    return <p>{t("buy.price", { amount: money(refusal.actual) })}</p>;
  }
  if (refusal.__typename === "StockShortError") {
    return <p>{t("buy.available", { count: refusal.available })}</p>;
  }
  return null;
}
