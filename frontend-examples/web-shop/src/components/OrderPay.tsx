import { useEffect, useEffectEvent, useState } from "react";
import { useLocation, useNavigate } from "react-router";
import { useClient } from "urql";
import { lastMethod, type Method } from "../api/payment";
import { type Paying, usePayment } from "../api/usePayment";
import { useI18n } from "../i18n";
import { OrderCancelMutation } from "../operations/payments";
import type { ShopOrder } from "./OrderLines";
import { PaymentChoice, usePaymentMethods } from "./PaymentChoice";
import { QrCode } from "./QrCode";
import { Failure, type Refusal, Refusals } from "./states";

/** An unpaid order: choose a way to pay it, go there, or give it up. */
export function OrderPay({ order, onChange }: { order: ShopOrder; onChange(): void }) {
  const { t, time } = useI18n();
  const methods = usePaymentMethods();
  const paying = usePayment(order.id);
  const [wanted, setWanted] = useState(lastMethod);
  const method = methods.find((each) => each.id === wanted) ?? methods[0];
  useStartAtOnce(methods, paying, setWanted);
  const busy = paying.working || paying.leaving;
  return (
    <section className="pay" aria-labelledby="pay-title">
      <div className="pay-head">
        <h2 id="pay-title">{t("pay.title")}</h2>
        {order.expiresAt && <span className="muted">{t("pay.until", { time: time(order.expiresAt) })}</span>}
      </div>
      {paying.code && <Code content={paying.code.content} />}
      <PaymentChoice methods={methods} chosen={method?.id ?? ""} disabled={busy} onChoose={setWanted} />
      {paying.error && <Failure error={paying.error} />}
      <Refusals errors={paying.refusals} />
      <div className="pay-buttons">
        <button
          type="button"
          className="button button-primary"
          disabled={!method || busy}
          data-testid="pay-now"
          onClick={() => method && void paying.start(method)}
        >
          {t(busy ? "pay.opening" : paying.code ? "pay.again" : "pay.now")}
        </button>
        <CancelButton orderId={order.id} onDone={onChange} />
      </div>
      <p className="muted">{t("pay.proof")}</p>
    </section>
  );
}

/** Who chose a way to pay with "buy" goes there at once; who comes back here later does not. */
function useStartAtOnce(methods: readonly Method[], paying: Paying, onMethod: (id: string) => void): void {
  const location = useLocation();
  const navigate = useNavigate();
  const payWith = (location.state as { payWith?: string } | null)?.payWith;
  const known = methods.some((each) => each.id === payWith);
  const begin = useEffectEvent(() => {
    const method = methods.find((each) => each.id === payWith);
    if (!method) return;
    onMethod(method.id);
    // Forgotten first: the browser's "back" from the vendor's page must not lead there again.
    navigate(location, { replace: true, state: null });
    void paying.start(method);
  });
  useEffect(() => {
    if (known) begin();
  }, [known]);
}

function Code({ content }: { content: string }) {
  const { t } = useI18n();
  const link = /^https?:\/\//i.test(content) ? content : null;
  return (
    <div className="pay-code" data-testid="pay-code" data-content={content}>
      <QrCode text={content} label={t("pay.scan")} />
      <p>{t("pay.scan")}</p>
      {link && (
        <a className="button button-small" href={link} target="_blank" rel="noopener noreferrer">
          {t("pay.open")}
        </a>
      )}
    </div>
  );
}

function CancelButton({ orderId, onDone }: { orderId: string; onDone(): void }) {
  const { t } = useI18n();
  const client = useClient();
  const [working, setWorking] = useState(false);
  const [refusals, setRefusals] = useState<readonly Refusal[]>([]);
  const cancel = async () => {
    setWorking(true);
    const { data } = await client.mutation(OrderCancelMutation, { input: { orderId } }).toPromise();
    setRefusals(data?.orderCancel.userErrors ?? []);
    setWorking(false);
    onDone();
  };
  return (
    <>
      <button
        type="button"
        className="button"
        disabled={working}
        data-testid="order-cancel"
        onClick={() => void cancel()}
      >
        {t("pay.cancel")}
      </button>
      <Refusals errors={refusals} />
    </>
  );
}
