import { useState } from "react";
import { Link } from "react-router";
import { useQuery } from "urql";
import { useSession } from "../api/ShopProvider";
import { CardArt } from "../components/CardArt";
import { SignInFirst } from "../components/SignInFirst";
import { Empty, Failure } from "../components/states";
import { StatusBadge } from "../components/StatusBadge";
import type { OrdersQuery as OrdersData } from "../gql/graphql";
import { useI18n } from "../i18n";
import { OrdersQuery } from "../operations/orders";

const PAGE = 10;
// An empty list holds no order: without this the cache would not know that a purchase changes it.
const CONTEXT = { additionalTypenames: ["Order"] };

export function OrdersPage() {
  const { t, language } = useI18n();
  const { viewer, pending } = useSession();
  if (!viewer && !pending) return <SignInFirst />;
  return (
    <>
      <h1>{t("orders.title")}</h1>
      {viewer ? <OrderPages key={language} /> : <OrdersSkeleton />}
    </>
  );
}

function OrderPages() {
  const [cursors, setCursors] = useState<readonly (string | null)[]>([null]);
  return cursors.map((after, index) => (
    <OrdersPart
      key={after ?? "first"}
      after={after}
      onMore={index === cursors.length - 1 ? (next) => setCursors([...cursors, next]) : undefined}
    />
  ));
}

interface OrdersPartProps {
  after: string | null;
  onMore: ((cursor: string) => void) | undefined;
}

function OrdersPart({ after, onMore }: OrdersPartProps) {
  const { t } = useI18n();
  const [{ data, error }, again] = useQuery({
    query: OrdersQuery,
    variables: { first: PAGE, after },
    requestPolicy: "cache-and-network",
    context: CONTEXT,
  });
  if (error && !data) return <Failure error={error} onRetry={() => again({ requestPolicy: "network-only" })} />;
  if (!data?.viewer) return <OrdersSkeleton />;
  const { nodes, pageInfo } = data.viewer.orders;
  if (nodes.length === 0 && after === null) return <NoOrders />;
  const next = pageInfo.hasNextPage ? pageInfo.endCursor : null;
  return (
    <>
      <ul className="orders">
        {nodes.map((order) => (
          <OrderRow key={order.id} order={order} />
        ))}
      </ul>
      {onMore && next && (
        <button type="button" className="button button-more" onClick={() => onMore(next)}>
          {t("list.more")}
        </button>
      )}
    </>
  );
}

type ListedOrder = NonNullable<OrdersData["viewer"]>["orders"]["nodes"][number];

function OrderRow({ order }: { order: ListedOrder }) {
  const { money, time } = useI18n();
  const first = order.lines[0];
  const names = order.lines.map((line) => `${line.variant.product.name} ${line.variant.name} × ${line.quantity}`);
  return (
    <li>
      <Link to={`/orders/${encodeURIComponent(order.id)}`} className="order-row" data-testid="order-row">
        <CardArt small brand={first?.variant.product.brand || (first?.variant.product.name ?? "")} />
        <span className="order-row-text">
          <strong>{names.join(", ")}</strong>
          <span className="muted">
            {order.number} · {time(order.placedAt)}
          </span>
        </span>
        <span className="order-row-end">
          <span className="price">{money(order.total)}</span>
          <StatusBadge status={order.status} />
        </span>
      </Link>
    </li>
  );
}

function NoOrders() {
  const { t } = useI18n();
  return (
    <Empty title={t("orders.empty")} text={t("orders.emptyText")}>
      <Link to="/" className="button button-primary">
        {t("orders.browse")}
      </Link>
    </Empty>
  );
}

function OrdersSkeleton() {
  return (
    <ul className="orders" aria-busy="true">
      {[0, 1, 2].map((index) => (
        <li key={index} className="skeleton order-skeleton" />
      ))}
    </ul>
  );
}
