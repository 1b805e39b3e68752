import { useI18n } from "../i18n";
import type { ShopOrder } from "./OrderLines";

/** What went back after the delivery, and where it is. */
export function OrderRefunds({ order }: { order: ShopOrder }) {
  const { t, money, time } = useI18n();
  if (order.refunds.length === 0) return null;
  return (
    <section className="cards" aria-labelledby="refunds-title">
      <h2 id="refunds-title">{t("refund.title")}</h2>
      <ul className="card-list">
        {order.refunds.map((refund) => (
          <li key={refund.id} className="card" data-testid="refund" data-amount={refund.amount.amount}>
            <div className="card-head">
              <strong>{money(refund.amount)}</strong>
              <span className="muted">
                {t(`refund.${refund.status}`)} · {t(`refund.${refund.destination}`)}
              </span>
            </div>
            <span className="muted">{time(refund.requestedAt)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
