import type { StockLevel } from "../gql/graphql";
import { useI18n } from "../i18n";

export function StockBadge({ level }: { level: StockLevel }) {
  const { t } = useI18n();
  return <span className={`badge badge-${level.toLowerCase().replace("_", "-")}`}>{t(`stock.${level}`)}</span>;
}
