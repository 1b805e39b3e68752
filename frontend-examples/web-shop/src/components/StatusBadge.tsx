import type { OrderStatus } from "../gql/graphql";
import { useI18n } from "../i18n";

const TONE: Record<OrderStatus, string> = {
  PAID: "busy",
  DELIVERING: "busy",
  DELIVERED: "in-stock",
  PARTIALLY_DELIVERED: "low",
  REFUNDED: "out",
};

export function StatusBadge({ status }: { status: OrderStatus }) {
  const { t } = useI18n();
  return <span className={`badge badge-${TONE[status]}`}>{t(`order.${status}`)}</span>;
}
