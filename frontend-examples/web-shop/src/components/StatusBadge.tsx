import type { OrderStatus } from "../gql/graphql";
import { useI18n } from "../i18n";

const TONE: Record<OrderStatus, string> = {
  PENDING_PAYMENT: "low",
  RISK_REVIEW: "busy",
  PAID: "busy",
  DELIVERING: "busy",
  DELIVERED: "in-stock",
  PARTIALLY_DELIVERED: "low",
  FAILED: "out",
  CANCELLED: "out",
  EXPIRED: "out",
  REFUNDED: "out",
};

export function StatusBadge({ status }: { status: OrderStatus }) {
  const { t } = useI18n();
  return <span className={`badge badge-${TONE[status]}`}>{t(`order.${status}`)}</span>;
}
