import type { OrderStatus } from "../gql/graphql";
import { useI18n } from "../i18n";
import { Icon } from "./Icon";

/** The steps of an order in this status; the last one ends it. */
function stepsOf(status: OrderStatus): OrderStatus[] {
  switch (status) {
    case "PENDING_PAYMENT":
      return ["PENDING_PAYMENT", "PAID", "DELIVERED"];
    case "FAILED":
    case "CANCELLED":
    case "EXPIRED":
      return ["PENDING_PAYMENT", status];
    case "RISK_REVIEW":
      return ["RISK_REVIEW", "PAID", "DELIVERED"];
    case "PARTIALLY_DELIVERED":
    case "REFUNDED":
      return ["PAID", "DELIVERING", status];
    default:
      return ["PAID", "DELIVERING", "DELIVERED"];
  }
}

export function OrderProgress({ status }: { status: OrderStatus }) {
  const { t } = useI18n();
  const steps = stepsOf(status);
  const reached = steps.indexOf(status);
  const ended = reached === steps.length - 1;
  return (
    <ol className="progress" aria-label={t("order.status")}>
      {steps.map((step, index) => {
        const done = index < reached || ended;
        const state = done ? "done" : index === reached ? "now" : "next";
        return (
          <li key={step} className={`step step-${state}`} aria-current={index === reached ? "step" : undefined}>
            <span className="step-dot">{done && <Icon name="check" size={14} />}</span>
            {t(`order.${step}`)}
          </li>
        );
      })}
    </ol>
  );
}
