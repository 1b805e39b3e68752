import { type FormEvent, type ReactNode, useState } from "react";
import { type CombinedError, useClient } from "urql";
import { guestDeviceId } from "../api/identifiers";
import { useSession } from "../api/ShopProvider";
import type { TokenPair } from "../api/tokens";
import type { SessionCreateInput, UserCreateInput } from "../gql/graphql";
import { useI18n } from "../i18n";
import { SignInMutation, SignUpMutation } from "../operations/session";
import { Failure, type Refusal, Refusals } from "./states";

interface Answer {
  payload?: (TokenPair & { userErrors: readonly Refusal[] }) | undefined;
  error?: CombinedError | undefined;
}

function useSessionAnswer() {
  const { begin } = useSession();
  const [answer, setAnswer] = useState<Answer>({});
  const [working, setWorking] = useState(false);
  const send = async (ask: () => Promise<Answer>) => {
    setWorking(true);
    const next = await ask();
    setWorking(false);
    setAnswer(next);
    if (next.payload?.accessToken) begin(next.payload);
  };
  return { ...answer, working, send };
}

function useSignIn() {
  const client = useClient();
  return async (input: SessionCreateInput): Promise<Answer> => {
    const { data, error } = await client.mutation(SignInMutation, { input }).toPromise();
    return { payload: data?.sessionCreate, error };
  };
}

const text = (form: FormData, name: string): string => String(form.get(name) ?? "").trim();
// A password is taken as typed: a space at its end belongs to it.
const password = (form: FormData): string => String(form.get("password") ?? "");

export function SignInForm() {
  const { t } = useI18n();
  const signIn = useSignIn();
  const state = useSessionAnswer();
  const submit = (form: FormData) =>
    state.send(() => signIn({ password: { login: text(form, "login"), password: password(form) } }));
  return (
    <SessionForm {...state} label={t("session.signIn")} onSubmit={submit}>
      <Field name="login" label={t("session.login")} autoComplete="username" required />
      <Field name="password" type="password" label={t("session.password")} autoComplete="current-password" required />
    </SessionForm>
  );
}

export function SignUpForm() {
  const { t } = useI18n();
  const client = useClient();
  const state = useSessionAnswer();
  const submit = (form: FormData) => {
    const input: UserCreateInput = {
      login: text(form, "login"),
      password: password(form),
      displayName: text(form, "name"),
      promoterCode: text(form, "promoter") || null,
    };
    return state.send(async () => {
      const { data, error } = await client.mutation(SignUpMutation, { input }).toPromise();
      return { payload: data?.userCreate, error };
    });
  };
  return (
    <SessionForm {...state} label={t("session.signUp")} onSubmit={submit}>
      <Field name="login" label={t("session.login")} autoComplete="username" required />
      <Field name="password" type="password" label={t("session.password")} autoComplete="new-password" required />
      <Field name="name" label={t("session.name")} autoComplete="nickname" />
      <Field name="promoter" label={t("session.promoter")} autoComplete="off" />
    </SessionForm>
  );
}

export function GuestForm() {
  const { t } = useI18n();
  const signIn = useSignIn();
  const state = useSessionAnswer();
  const submit = () => state.send(() => signIn({ guest: { deviceId: guestDeviceId() } }));
  return (
    <SessionForm {...state} label={t("session.asGuest")} onSubmit={submit}>
      <p className="muted">{t("session.guestText")}</p>
    </SessionForm>
  );
}

interface SessionFormProps extends Answer {
  label: string;
  working: boolean;
  onSubmit(form: FormData): Promise<void>;
  children: ReactNode;
}

function SessionForm({ label, working, payload, error, onSubmit, children }: SessionFormProps) {
  const { t } = useI18n();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    void onSubmit(new FormData(event.currentTarget));
  };
  return (
    <form className="form" onSubmit={submit}>
      {children}
      {error && <Failure error={error} />}
      {payload && <Refusals errors={payload.userErrors} />}
      <button
        type="submit"
        className="button button-primary button-wide"
        disabled={working}
        data-testid="session-submit"
      >
        {working ? t("session.working") : label}
      </button>
    </form>
  );
}

interface FieldProps {
  name: string;
  label: string;
  type?: string;
  autoComplete: string;
  required?: boolean;
}

function Field({ label, ...input }: FieldProps) {
  return (
    <label className="field">
      <span>{label}</span>
      <input maxLength={120} autoCapitalize="none" spellCheck={false} {...input} />
    </label>
  );
}
