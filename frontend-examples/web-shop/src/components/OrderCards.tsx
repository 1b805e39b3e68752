import { useState } from "react";
import { type CombinedError, useClient } from "urql";
import type { RevealMutation as RevealData } from "../gql/graphql";
import { useI18n } from "../i18n";
import { RevealMutation } from "../operations/orders";
import { CopyValue } from "./CopyValue";
import { Icon } from "./Icon";
import type { ShopOrder } from "./OrderLines";
import { Failure, type Refusal, Refusals } from "./states";

type Card = ShopOrder["lines"][number]["cards"][number];
type Secret = RevealData["orderCardsReveal"]["secrets"][number];

interface Reveal {
  secrets: readonly Secret[];
  refusals: readonly Refusal[];
  error?: CombinedError | undefined;
}

const HIDDEN: Reveal = { secrets: [], refusals: [] };

/** Codes live in this component's state and nowhere else: leaving the page forgets them. */
function useReveal(orderId: string) {
  const client = useClient();
  const [working, setWorking] = useState(false);
  const [shown, setShown] = useState(HIDDEN);
  const reveal = async () => {
    setWorking(true);
    const { data, error } = await client
      .mutation(RevealMutation, { input: { orderId } }, { additionalTypenames: ["DeliveredCard"] })
      .toPromise();
    const payload = data?.orderCardsReveal;
    setShown({ secrets: payload?.secrets ?? [], refusals: payload?.userErrors ?? [], error });
    setWorking(false);
  };
  return { ...shown, working, reveal, hide: () => setShown(HIDDEN) };
}

export function OrderCards({ order }: { order: ShopOrder }) {
  const { t } = useI18n();
  const { secrets, refusals, error, working, reveal, hide } = useReveal(order.id);
  const cards = order.lines.flatMap((line) => line.cards.map((card) => ({ card, name: line.variant.name })));
  if (cards.length === 0) return null;
  const open = secrets.length > 0;
  return (
    <section className="cards" aria-labelledby="cards-title">
      <div className="cards-head">
        <h2 id="cards-title">{t("card.title")}</h2>
        <button
          type="button"
          className={open ? "button" : "button button-primary"}
          disabled={working}
          data-testid="reveal"
          onClick={() => (open ? hide() : void reveal())}
        >
          <Icon name="eye" size={18} />
          {working ? t("card.revealing") : t(open ? "card.hide" : "card.reveal")}
        </button>
      </div>
      <p className="muted">{t("card.warning")}</p>
      {error && <Failure error={error} />}
      <Refusals errors={refusals} />
      <ul className="card-list">
        {cards.map(({ card, name }) => (
          <CardRow key={card.id} card={card} name={name} secret={secrets.find((each) => each.cardId === card.id)} />
        ))}
      </ul>
    </section>
  );
}

function CardRow({ card, name, secret }: { card: Card; name: string; secret: Secret | undefined }) {
  const { t, date } = useI18n();
  return (
    <li className="card">
      <div className="card-head">
        <strong>{name}</strong>
        <span className="muted">
          {card.expiresOn && t("card.expires", { date: date(card.expiresOn) })}
          {card.revealCount > 0 && ` · ${t("card.seen", { count: card.revealCount })}`}
        </span>
      </div>
      {secret ? (
        <dl className="secret">
          {secret.number && <CopyValue label={t("card.number")} value={secret.number} />}
          <CopyValue label={t("card.secret")} value={secret.secret} testId="secret" />
        </dl>
      ) : (
        <code className="masked">{card.masked}</code>
      )}
    </li>
  );
}
