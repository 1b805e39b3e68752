import { useState } from "react";
import { useClient } from "urql";
import { useI18n } from "../i18n";
import { LineRateMutation } from "../operations/aftersale";
import type { ShopOrder } from "./OrderLines";
import { type Refusal, Refusals } from "./states";

const STARS = [1, 2, 3, 4, 5];

/** One to five stars for a line that is at its end; changed by pressing another one, for a while. */
export function RateLine({ line, onChange }: { line: ShopOrder["lines"][number]; onChange(): void }) {
  const { t } = useI18n();
  const client = useClient();
  const [refusals, setRefusals] = useState<readonly Refusal[]>([]);
  if (line.status !== "DELIVERED" && line.status !== "REFUNDED") return null;
  const given = line.rating?.stars ?? 0;
  const rate = async (stars: number) => {
    const input = { lineId: line.id, stars, text: line.rating?.text ?? "" };
    const { data } = await client.mutation(LineRateMutation, { input }).toPromise();
    setRefusals(data?.orderLineRate.userErrors ?? []);
    onChange();
  };
  return (
    <span className="stars" role="group" aria-label={t("rate.label")} data-testid="stars" data-given={given}>
      {STARS.map((stars) => (
        <button
          key={stars}
          type="button"
          className={stars <= given ? "star star-on" : "star"}
          aria-pressed={stars === given}
          aria-label={t("rate.stars", { count: stars })}
          onClick={() => void rate(stars)}
        >
          ★
        </button>
      ))}
      <Refusals errors={refusals} />
    </span>
  );
}
