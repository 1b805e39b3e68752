import { Link } from "react-router";
import { useQuery } from "urql";
import { useI18n } from "../i18n";
import { CategoriesQuery } from "../operations/catalog";
import { Failure } from "./states";

interface CategoryItem {
  id: string;
  name: string;
  children?: readonly CategoryItem[];
}

export function Categories({ chosen }: { chosen: string | null }) {
  const { t } = useI18n();
  const [{ data, error }, again] = useQuery({ query: CategoriesQuery });
  if (error && !data) return <Failure error={error} onRetry={() => again({ requestPolicy: "network-only" })} />;
  return (
    <nav className="categories" aria-label={t("nav.categories")}>
      <h2>{t("nav.categories")}</h2>
      <ul>
        <li>
          <Link to="/" aria-current={chosen === null ? "page" : undefined}>
            {t("nav.all")}
          </Link>
        </li>
        {data ? data.categories.map((each) => <Item key={each.id} item={each} chosen={chosen} />) : <Waiting />}
      </ul>
    </nav>
  );
}

function Item({ item, chosen }: { item: CategoryItem; chosen: string | null }) {
  const open = item.id === chosen || item.children?.some((child) => child.id === chosen);
  return (
    <>
      <li>
        <Link
          to={`/?category=${encodeURIComponent(item.id)}`}
          aria-current={item.id === chosen ? "page" : undefined}
        >
          {item.name}
        </Link>
      </li>
      {open &&
        item.children?.map((child) => (
          <li key={child.id} className="category-child">
            <Link
              to={`/?category=${encodeURIComponent(child.id)}`}
              aria-current={child.id === chosen ? "page" : undefined}
            >
              {child.name}
            </Link>
          </li>
        ))}
    </>
  );
}

function Waiting() {
  return Array.from({ length: 6 }, (_, index) => (
    <li key={index} className="category-waiting" aria-hidden="true">
      <span className="skeleton line" />
    </li>
  ));
}
