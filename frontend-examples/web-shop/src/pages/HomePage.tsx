import { useSearchParams } from "react-router";
import { Categories } from "../components/Categories";
import { Hero } from "../components/Hero";
import { ProductGrid } from "../components/ProductGrid";
import { Refine, sortOf } from "../components/Refine";
import { useI18n } from "../i18n";

export function HomePage() {
  const { t, language } = useI18n();
  const [params] = useSearchParams();
  const query = params.get("q");
  const category = params.get("category");
  const brand = params.get("brand");
  const sort = sortOf(params.get("sort"));
  const filter = { query, category, brand, sort };
  const plain = !query && !category;
  return (
    <>
      {plain && <Hero />}
      <div className="shelf">
        <Categories chosen={category} />
        <section aria-label={t("nav.all")}>
          {query && <h1 className="list-title">{t("list.results", { query })}</h1>}
          <Refine filter={filter} />
          <ProductGrid key={`${language} ${query} ${category} ${brand} ${sort}`} filter={filter} />
        </section>
      </div>
    </>
  );
}
