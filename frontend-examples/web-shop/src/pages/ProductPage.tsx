import { Link, useParams } from "react-router";
import { useQuery } from "urql";
import { BuyPanel } from "../components/BuyPanel";
import { CardArt } from "../components/CardArt";
import { Rated } from "../components/Rated";
import { Empty, Failure } from "../components/states";
import { useI18n } from "../i18n";
import { ProductQuery } from "../operations/catalog";

export function ProductPage() {
  const { t } = useI18n();
  const { slug = "" } = useParams();
  const [{ data, error, fetching }, again] = useQuery({
    query: ProductQuery,
    variables: { slug },
    // A price or stock from minutes ago would only lead to a refusal.
    requestPolicy: "cache-and-network",
  });
  const refresh = () => again({ requestPolicy: "network-only" });
  if (error && !data) return <Failure error={error} onRetry={refresh} />;
  const product = data?.product;
  if (!product) return fetching || !data ? <ProductSkeleton /> : <Missing />;
  return (
    <article className="detail">
      <div className="detail-art">
        <CardArt brand={product.brand || product.name} />
        <section className="about">
          <h2>{t("product.about")}</h2>
          <p>{product.description}</p>
        </section>
      </div>
      <div className="detail-text">
        <nav aria-label={t("nav.categories")} className="crumbs">
          <Link to="/">{t("nav.home")}</Link>
          <span aria-hidden="true">/</span>
          <Link to={`/?category=${encodeURIComponent(product.category.id)}`}>{product.category.name}</Link>
        </nav>
        <h1>{product.name}</h1>
        <Rated rating={product.rating} />
        <ul className="tags">
          {[product.brand, product.region, ...product.tags].filter(Boolean).map((tag, index) => (
            <li key={`${index} ${tag}`}>{tag}</li>
          ))}
        </ul>
        <BuyPanel product={product} onStale={refresh} />
      </div>
    </article>
  );
}

function Missing() {
  const { t } = useI18n();
  return (
    <Empty title={t("product.missing")}>
      <Link to="/" className="button">
        {t("orders.browse")}
      </Link>
    </Empty>
  );
}

function ProductSkeleton() {
  return (
    <div className="detail" aria-busy="true">
      <div className="detail-art">
        <div className="art skeleton" />
      </div>
      <div className="detail-text">
        <span className="skeleton line line-short" />
        <span className="skeleton line line-tall" />
        <span className="skeleton block" />
        <span className="skeleton block" />
      </div>
    </div>
  );
}
