import { useEffect } from "react";
import { Link, useParams } from "react-router";
import { useClient } from "urql";
import { useSession } from "../api/ShopProvider";
import { useLiveOrder } from "../api/useLiveOrder";
import { OrderCards } from "../components/OrderCards";
import { OrderCases } from "../components/OrderCases";
import { OrderLines, type ShopOrder } from "../components/OrderLines";
import { OrderPay } from "../components/OrderPay";
import { OrderProgress } from "../components/OrderProgress";
import { OrderRefunds } from "../components/OrderRefunds";
import { SignInFirst } from "../components/SignInFirst";
import { Empty, Failure } from "../components/states";
import { StatusBadge } from "../components/StatusBadge";
import { useI18n } from "../i18n";
import { ViewerQuery } from "../operations/session";

export function OrderPage() {
  const { viewer, pending } = useSession();
  const { id = "" } = useParams();
  if (pending) return <OrderSkeleton />;
  return viewer ? <LiveOrder key={id} id={id} /> : <SignInFirst />;
}

function LiveOrder({ id }: { id: string }) {
  const { t } = useI18n();
  const { order, asked, error, again } = useLiveOrder(id);
  useWalletAfter(order?.status);
  if (!order) {
    if (error) return <Failure error={error} onRetry={() => again({ requestPolicy: "network-only" })} />;
    return asked ? <Empty title={t("order.missing")} /> : <OrderSkeleton />;
  }
  const refresh = () => again({ requestPolicy: "network-only" });
  return (
    <article className="order">
      <OrderHead order={order} />
      <OrderProgress status={order.status} />
      {order.nextPollAfterMs != null && <p className="muted live">{t("order.live")}</p>}
      {order.status === "PENDING_PAYMENT" && (
        <OrderPay order={order} onChange={refresh} />
      )}
      <OrderCards order={order} />
      <OrderLines order={order} onChange={refresh} />
      <OrderRefunds order={order} />
      <OrderCases order={order} onChange={refresh} />
    </article>
  );
}

/** A refund comes back to the wallet while the page is open: ask for the balance when the status moves. */
function useWalletAfter(status: string | undefined) {
  const client = useClient();
  useEffect(() => {
    if (!status) return;
    const { unsubscribe } = client
      .query(ViewerQuery, {}, { requestPolicy: "network-only" })
      .subscribe(() => undefined);
    return unsubscribe;
  }, [client, status]);
}

function OrderHead({ order }: { order: ShopOrder }) {
  const { t, money, time } = useI18n();
  return (
    <header className="order-head">
      <div>
        <nav className="crumbs" aria-label={t("nav.orders")}>
          <Link to="/orders">{t("nav.orders")}</Link>
        </nav>
        <h1>
          {t("order.title")} <span className="order-number">{order.number}</span>
        </h1>
        <p className="muted">{t("order.placed", { time: time(order.placedAt) })}</p>
      </div>
      <div className="order-head-end">
        <span data-testid="order-status" data-status={order.status} aria-live="polite">
          <StatusBadge status={order.status} />
        </span>
        <strong className="price">{money(order.total)}</strong>
        <span className="muted">{t("order.total")}</span>
      </div>
    </header>
  );
}

function OrderSkeleton() {
  return (
    <div className="order" aria-busy="true">
      <span className="skeleton line line-tall" />
      <span className="skeleton block" />
      <span className="skeleton block" />
    </div>
  );
}
