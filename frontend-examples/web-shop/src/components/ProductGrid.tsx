import { useState } from "react";
import { Link } from "react-router";
import { useQuery } from "urql";
import { useI18n } from "../i18n";
import type { ProductSort } from "../gql/graphql";
import { ProductsQuery } from "../operations/catalog";
import { ProductCard, ProductSkeletons } from "./ProductCard";
import { Empty, Failure } from "./states";

const PAGE = 20;

export interface Filter {
  query: string | null;
  category: string | null;
  brand: string | null;
  sort: ProductSort;
}

/** What the API takes for the choices that stand in the page's address. */
export function wanted({ query, category, brand }: Filter) {
  return {
    query,
    filter: {
      ...(category && { category: [category] }),
      ...(brand && { brand: [brand] }),
    },
  };
}

/** Each page is a query of its own, so that "load more" never asks again for what is shown. */
export function ProductGrid({ filter }: { filter: Filter }) {
  const [cursors, setCursors] = useState<readonly (string | null)[]>([null]);
  return cursors.map((after, index) => (
    <GridPage
      key={after ?? "first"}
      filter={filter}
      after={after}
      onMore={index === cursors.length - 1 ? (next) => setCursors([...cursors, next]) : undefined}
    />
  ));
}

interface GridPageProps {
  filter: Filter;
  after: string | null;
  onMore: ((cursor: string) => void) | undefined;
}

function GridPage({ filter, after, onMore }: GridPageProps) {
  const { t } = useI18n();
  const [{ data, error }, again] = useQuery({
    query: ProductsQuery,
    variables: { first: PAGE, after, sort: filter.sort, ...wanted(filter) },
    requestPolicy: "cache-and-network",
  });
  if (error && !data) return <Failure error={error} onRetry={() => again({ requestPolicy: "network-only" })} />;
  if (!data) return <ProductSkeletons count={8} />;
  const { nodes, pageInfo } = data.products;
  if (nodes.length === 0 && after === null) return <NothingFound />;
  const next = pageInfo.hasNextPage ? pageInfo.endCursor : null;
  return (
    <>
      <ul className="grid">
        {nodes.map((product) => (
          <ProductCard key={product.id} product={product} />
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

function NothingFound() {
  const { t } = useI18n();
  return (
    <Empty title={t("list.empty")} text={t("list.emptyText")}>
      <Link to="/" className="button">
        {t("nav.all")}
      </Link>
    </Empty>
  );
}
