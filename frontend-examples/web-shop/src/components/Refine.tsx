import { useSearchParams } from "react-router";
import { useQuery } from "urql";
import type { ProductSort } from "../gql/graphql";
import { useI18n } from "../i18n";
import { FacetsQuery } from "../operations/catalog";
import { wanted, type Filter } from "./ProductGrid";

const SORTS = ["SHELF", "RELEVANCE", "NEWEST", "PRICE_ASC", "PRICE_DESC", "SALES_DESC"] as const;

/** The order that the page's address asks for; whatever else stands there is the shelf's own. */
export function sortOf(text: string | null): ProductSort {
  return SORTS.find((each) => each === text) ?? "SHELF";
}

/** Brands to choose from, counted by the server, and the order of the list. */
export function Refine({ filter }: { filter: Filter }) {
  const { t } = useI18n();
  const [params, setParams] = useSearchParams();
  // Counted without the brand, so that another one can be chosen.
  const [{ data }] = useQuery({ query: FacetsQuery, variables: wanted({ ...filter, brand: null }) });
  const brands = data?.productFacets.brands ?? [];

  function choose(name: string, value: string) {
    const next = new URLSearchParams(params);
    if (value) next.set(name, value);
    else next.delete(name);
    setParams(next);
  }

  return (
    <div className="refine">
      <label>
        {t("list.brand")}
        <select value={filter.brand ?? ""} onChange={(event) => choose("brand", event.target.value)}>
          <option value="">{t("list.allBrands")}</option>
          {brands.map((each) => (
            <option key={each.value} value={each.value}>
              {each.label} ({each.count})
            </option>
          ))}
        </select>
      </label>
      <label>
        {t("list.sort")}
        <select value={filter.sort} onChange={(event) => choose("sort", event.target.value)}>
          {SORTS.map((each) => (
            <option key={each} value={each}>
              {t(`sort.${each}`)}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}
