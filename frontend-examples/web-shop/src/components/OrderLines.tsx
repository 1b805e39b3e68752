import { Link } from "react-router";
import type { OrderQuery } from "../gql/graphql";
import { useI18n } from "../i18n";
import { CardArt } from "./CardArt";
import { RateLine } from "./RateLine";

const PARTLY_DELIVERED = "PARTLY_DELIVERED";

export type ShopOrder = NonNullable<OrderQuery["order"]>;

export function OrderLines({ order, onChange }: { order: ShopOrder; onChange(): void }) {
  const { t, money } = useI18n();
  return (
    <ul className="orders">
      {order.lines.map((line) => (
        <li key={line.id} className="order-row">
          <CardArt small brand={line.variant.product.brand || line.variant.product.name} />
          <span className="order-row-text">
            <Link to={`/card/${encodeURIComponent(line.variant.product.slug)}`}>
              <strong>{line.variant.product.name}</strong>
            </Link>
            <span className="muted">
              {line.variant.name} · {money(line.unitPrice)} × {line.quantity}
            </span>
            {line.account.map((entry) => (
              <span key={entry.key} className="muted">
                {entry.label}: {entry.value}
              </span>
            ))}
            {line.delivery?.__typename === "TopupDelivery" && (
              <span data-testid="receipt">{t("line.receipt", { number: line.delivery.receipt })}</span>
            )}
            {line.delivery?.__typename === "ManualDelivery" && <p className="note">{line.delivery.note}</p>}
            {line.failureCode && (
              <span className="muted">
                {line.failureCode === PARTLY_DELIVERED
                  ? t("line.PARTLY_DELIVERED")
                  : t("line.failure", { code: line.failureCode })}
              </span>
            )}
          </span>
          <span className="order-row-end">
            <span className="price">{money(line.total)}</span>
            <span className="muted">{t(`line.${line.status}`)}</span>
            <RateLine line={line} onChange={onChange} />
          </span>
        </li>
      ))}
    </ul>
  );
}
