import { Link } from "react-router";
import type { ProductsQuery, StockLevel } from "../gql/graphql";
import { useI18n } from "../i18n";
import { cheapest } from "../money";
import { CardArt } from "./CardArt";
import { Rated } from "./Rated";
import { StockBadge } from "./StockBadge";

type ListedProduct = ProductsQuery["products"]["nodes"][number];

function bestStock(levels: readonly StockLevel[]): StockLevel {
  return levels.find((level) => level === "IN_STOCK") ?? levels.find((level) => level === "LOW") ?? "OUT";
}

export function ProductCard({ product }: { product: ListedProduct }) {
  const { t, money } = useI18n();
  const price = cheapest(product.variants.map((variant) => variant.price));
  const several = product.variants.length > 1;
  const stock = bestStock(product.variants.map((variant) => variant.stockLevel));
  return (
    <li>
      <Link
        to={`/card/${encodeURIComponent(product.slug)}`}
        className={stock === "OUT" ? "product product-out" : "product"}
        data-testid="product"
      >
        <CardArt brand={product.brand || product.name} />
        <div className="product-text">
          <h3>{product.name}</h3>
          {product.region && <span className="region">{product.region}</span>}
          <Rated rating={product.rating} />
          <div className="product-foot">
            <span className="price">
              {price ? (several ? t("list.from", { price: money(price) }) : money(price)) : t("price.none")}
            </span>
            <StockBadge level={stock} />
          </div>
        </div>
      </Link>
    </li>
  );
}

export function ProductSkeletons({ count }: { count: number }) {
  const { t } = useI18n();
  return (
    <ul className="grid" aria-busy="true" aria-label={t("list.loading")}>
      {Array.from({ length: count }, (_, index) => (
        <li key={index} className="product">
          <div className="art skeleton" />
          <div className="product-text">
            <span className="skeleton line" />
            <span className="skeleton line line-short" />
          </div>
        </li>
      ))}
    </ul>
  );
}
