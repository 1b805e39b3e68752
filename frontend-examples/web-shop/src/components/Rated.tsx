import type { ProductsQuery } from "../gql/graphql";
import { useI18n } from "../i18n";

type Rating = ProductsQuery["products"]["nodes"][number]["rating"];

/** How buyers rate a product; nothing while nobody has. */
export function Rated({ rating }: { rating: Rating }) {
  const { t } = useI18n();
  if (rating.average == null) return null;
  const values = { average: rating.average.toFixed(1), count: rating.count };
  return (
    <span className="rated" aria-label={t("rate.average", values)}>
      <span aria-hidden="true">★ {values.average}</span> <span className="muted">({rating.count})</span>
    </span>
  );
}
