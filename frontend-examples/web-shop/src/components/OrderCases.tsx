import { type FormEvent, useState } from "react";
import { useClient } from "urql";
import { EVIDENCE_TYPES, sendEvidence } from "../api/evidence";
import { freshId } from "../api/identifiers";
import type { DisputeReason, DisputeState } from "../gql/graphql";
import { useI18n } from "../i18n";
import { DisputeAppealMutation, DisputeOpenMutation } from "../operations/aftersale";
import type { ShopOrder } from "./OrderLines";
import { type Refusal, Refusals } from "./states";

type Case = ShopOrder["disputes"][number];

interface Goods {
  key: string;
  label: string;
  input: { cardIds: string[] } | { lines: { lineId: string }[] };
  reasons: readonly DisputeReason[];
}

const OF_CARDS: readonly DisputeReason[] = ["CODE_INVALID", "CODE_USED", "CODE_EXPIRED", "WRONG_GOODS", "OTHER"];
const OF_LINES: readonly DisputeReason[] = ["NOT_ARRIVED", "WRONG_GOODS", "OTHER"];
const TONE: Record<DisputeState, string> = {
  OPEN: "busy",
  CHECKING: "busy",
  APPEALED: "busy",
  REPLACED: "in-stock",
  REFUNDED: "in-stock",
  REJECTED: "out",
  UPHELD: "out",
};

/** What of a delivered order nobody has complained about yet. */
function goodsOf(order: ShopOrder): Goods[] {
  const told = new Set(order.disputes.map((each) => each.cardId ?? each.lineId));
  return order.lines.flatMap((line): Goods[] => {
    if (line.status !== "DELIVERED" || line.refundedQuantity >= line.quantity) return [];
    if (line.cards.length === 0) {
      const input = { lines: [{ lineId: line.id }] };
      return told.has(line.id) ? [] : [{ key: line.id, label: line.variant.name, input, reasons: OF_LINES }];
    }
    return line.cards
      .filter((card) => !told.has(card.id))
      .map((card) => ({
        key: card.id,
        label: `${line.variant.name} ${card.masked}`,
        input: { cardIds: [card.id] },
        reasons: OF_CARDS,
      }));
  });
}

/** The cases of an order, and a way to open one. */
export function OrderCases({ order, onChange }: { order: ShopOrder; onChange(): void }) {
  const { t } = useI18n();
  const goods = goodsOf(order);
  if (order.disputes.length === 0 && goods.length === 0) return null;
  return (
    <section className="cards" aria-labelledby="cases-title">
      <h2 id="cases-title">{t("case.title")}</h2>
      <ul className="card-list">
        {order.disputes.map((each) => (
          <CaseRow key={each.id} of={each} onChange={onChange} />
        ))}
      </ul>
      {goods.length > 0 && <OpenCase orderId={order.id} goods={goods} onChange={onChange} />}
    </section>
  );
}

function CaseRow({ of, onChange }: { of: Case; onChange(): void }) {
  const { t, time } = useI18n();
  return (
    <li className="card" data-testid="case" data-state={of.state}>
      <div className="card-head">
        <strong>{t(`reason.${of.reason}`)}</strong>
        <span className={`badge badge-${TONE[of.state]}`}>{t(`case.${of.state}`)}</span>
      </div>
      {of.decision && <p>{of.decision}</p>}
      {of.handedOver && <p className="note">{of.handedOver}</p>}
      {of.decideBy && <p className="muted">{t("case.until", { time: time(of.decideBy) })}</p>}
      {of.evidence.length > 0 && (
        <p className="muted">
          {t("case.files")}: {of.evidence.map((file) => file.name ?? t("case.erased")).join(", ")}
        </p>
      )}
      {of.state === "REJECTED" && of.appealUntil && <Appeal id={of.id} until={of.appealUntil} onDone={onChange} />}
    </li>
  );
}

function Appeal({ id, until, onDone }: { id: string; until: string; onDone(): void }) {
  const { t, time } = useI18n();
  const client = useClient();
  const [key] = useState(freshId);
  const [refusals, setRefusals] = useState<readonly Refusal[]>([]);
  const appeal = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const text = String(new FormData(event.currentTarget).get("text") ?? "");
    const input = { disputeId: id, text, idempotencyKey: key };
    const { data } = await client.mutation(DisputeAppealMutation, { input }).toPromise();
    setRefusals(data?.orderDisputeAppeal.userErrors ?? []);
    onDone();
  };
  return (
    <form className="case-form" onSubmit={(event) => void appeal(event)}>
      <textarea name="text" required maxLength={2000} aria-label={t("case.appealText")} placeholder={t("case.appealText")} />
      <button type="submit" className="button button-small" data-testid="case-appeal">
        {t("case.appeal", { time: time(until) })}
      </button>
      <Refusals errors={refusals} />
    </form>
  );
}

/** Opens a case; the same key stays with the same contents until the shop has answered. */
function useOpenCase(orderId: string, onChange: () => void) {
  const client = useClient();
  const [key, setKey] = useState(freshId);
  const [working, setWorking] = useState(false);
  const [refusals, setRefusals] = useState<readonly Refusal[]>([]);
  const open = async (goods: Goods, form: FormData): Promise<boolean> => {
    setWorking(true);
    const input = {
      orderId,
      ...goods.input,
      reason: String(form.get("reason")) as DisputeReason,
      text: String(form.get("text") ?? ""),
      idempotencyKey: key,
    };
    const { data, error } = await client.mutation(DisputeOpenMutation, { input }).toPromise();
    const made = data?.orderDisputeOpen.disputes?.[0];
    let told = data?.orderDisputeOpen.userErrors ?? (error ? [{ code: "INTERNAL", message: error.message }] : []);
    const file = form.get("file");
    if (made && file instanceof File && file.size > 0) told = [...(await sendEvidence(client, made.id, file))];
    if (!error) setKey(freshId());
    setRefusals(told);
    setWorking(false);
    if (made) onChange();
    return made !== undefined;
  };
  return { open, working, refusals };
}

function OpenCase({ orderId, goods, onChange }: { orderId: string; goods: readonly Goods[]; onChange(): void }) {
  const { t } = useI18n();
  const { open, working, refusals } = useOpenCase(orderId, onChange);
  const [shown, setShown] = useState(false);
  const [chosen, setChosen] = useState("");
  const goodsNow = goods.find((each) => each.key === chosen) ?? goods[0];
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (goodsNow && (await open(goodsNow, new FormData(event.currentTarget)))) setShown(false);
  };
  if (!shown) {
    return (
      <>
        <Refusals errors={refusals} />
        <button type="button" className="button" data-testid="case-begin" onClick={() => setShown(true)}>
          {t("case.begin")}
        </button>
      </>
    );
  }
  return (
    <form className="case-form" onSubmit={(event) => void submit(event)}>
      <label>
        {t("case.goods")}
        <select value={goodsNow?.key} onChange={(event) => setChosen(event.target.value)}>
          {goods.map((each) => (
            <option key={each.key} value={each.key}>
              {each.label}
            </option>
          ))}
        </select>
      </label>
      <label>
        {t("case.reason")}
        <select name="reason">
          {goodsNow?.reasons.map((reason) => (
            <option key={reason} value={reason}>
              {t(`reason.${reason}`)}
            </option>
          ))}
        </select>
      </label>
      <label>
        {t("case.text")}
        <textarea name="text" maxLength={2000} />
      </label>
      <label>
        {t("case.file")}
        <input type="file" name="file" accept={EVIDENCE_TYPES} />
      </label>
      <Refusals errors={refusals} />
      <button type="submit" className="button button-primary" disabled={working} data-testid="case-open">
        {t(working ? "case.sending" : "case.send")}
      </button>
    </form>
  );
}
