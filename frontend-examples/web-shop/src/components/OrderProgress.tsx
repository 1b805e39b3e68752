import type { OrderStatus } from "../gql/graphql";
import { useI18n } from "../i18n";
import { Icon } from "./Icon";

const END: Record<OrderStatus, OrderStatus> = {
  PAID: "DELIVERED",
  DELIVERING: "DELIVERED",
  DELIVERED: "DELIVERED",
  PARTIALLY_DELIVERED: "PARTIALLY_DELIVERED",
  REFUNDED: "REFUNDED",
};

export function OrderProgress({ status }: { status: OrderStatus }) {
  const { t } = useI18n();
  const steps: OrderStatus[] = ["PAID", "DELIVERING", END[status]];
  const reached = steps.indexOf(status);
  const ended = reached === 2;
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
