import { useI18n } from "../i18n";
import { Icon } from "./Icon";

export function Hero() {
  const { t } = useI18n();
  return (
    <section className="hero">
      <div>
        <h1>{t("hero.title")}</h1>
        <p>{t("hero.text")}</p>
        <ul>
          <li>
            <Icon name="bolt" size={18} /> {t("hero.instant")}
          </li>
          <li>
            <Icon name="shield" size={18} /> {t("hero.once")}
          </li>
          <li>
            <Icon name="eye" size={18} /> {t("hero.private")}
          </li>
        </ul>
      </div>
      <div className="hero-cards" aria-hidden="true">
        <span />
        <span />
        <span />
      </div>
    </section>
  );
}
