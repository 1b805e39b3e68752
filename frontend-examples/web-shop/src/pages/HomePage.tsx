import { useSearchParams } from "react-router";
import { Categories } from "../components/Categories";
import { Hero } from "../components/Hero";
import { ProductGrid } from "../components/ProductGrid";
import { useI18n } from "../i18n";

export function HomePage() {
  const { t, language } = useI18n();
  const [params] = useSearchParams();
  const query = params.get("q");
  const category = params.get("category");
  const plain = !query && !category;
  return (
    <>
      {plain && <Hero />}
      <div className="shelf">
        <Categories chosen={category} />
        <section aria-label={t("nav.all")}>
          {query && <h1 className="list-title">{t("list.results", { query })}</h1>}
          <ProductGrid key={`${language} ${query} ${category}`} filter={{ query, category }} />
        </section>
      </div>
    </>
  );
}
