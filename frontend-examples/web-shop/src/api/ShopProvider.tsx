import { createContext, type ReactNode, useCallback, useContext, useMemo, useState } from "react";
import { Provider, useQuery } from "urql";
import type { ViewerQuery as ViewerData } from "../gql/graphql";
import { useI18n } from "../i18n";
import { SignOutMutation, ViewerQuery } from "../operations/session";
import { makeClient } from "./client";
import { forgetTokens, keepTokens, refreshToken, type TokenPair } from "./tokens";

export type Viewer = NonNullable<ViewerData["viewer"]>;

interface Session {
  viewer: Viewer | null;
  /** Nothing is known of the caller yet: a reload is being answered. */
  pending: boolean;
  lost: boolean;
  begin(tokens: TokenPair): void;
  end(): Promise<void>;
  dialogOpen: boolean;
  openDialog(): void;
  closeDialog(): void;
}

const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("useSession is used outside ShopProvider");
  return session;
}

interface Signed {
  epoch: number;
  lost: boolean;
}

export function ShopProvider({ children }: { children: ReactNode }) {
  const { language } = useI18n();
  const [{ epoch, lost }, setSigned] = useState<Signed>({ epoch: 0, lost: false });
  const [dialogOpen, setDialogOpen] = useState(false);
  const restart = useCallback(
    (ended: boolean) => setSigned((before) => ({ epoch: before.epoch + 1, lost: ended })),
    [],
  );
  // The epoch is a dependency on purpose: another person means another client and an empty cache.
  const client = useMemo(() => makeClient(language, () => restart(true)), [language, restart, epoch]);
  const session = useMemo(
    () => ({
      lost,
      dialogOpen,
      openDialog: () => setDialogOpen(true),
      closeDialog: () => setDialogOpen(false),
      begin(tokens: TokenPair) {
        keepTokens(tokens);
        setDialogOpen(false);
        restart(false);
      },
      async end() {
        await client.mutation(SignOutMutation, {}).toPromise();
        forgetTokens();
        restart(false);
      },
    }),
    [client, dialogOpen, lost, restart],
  );
  return (
    <Provider value={client}>
      {/* Keyed: nothing one person has seen (a revealed code, a balance) stays for the next. */}
      <WithViewer key={epoch} session={session}>
        {children}
      </WithViewer>
    </Provider>
  );
}

type WithoutViewer = Omit<Session, "viewer" | "pending">;

function WithViewer({ session, children }: { session: WithoutViewer; children: ReactNode }) {
  // Without a refresh token nobody can be signed in: do not ask.
  const [{ data, fetching }] = useQuery({ query: ViewerQuery, pause: refreshToken() === null });
  const signedIn = refreshToken() !== null;
  const viewer = signedIn ? (data?.viewer ?? null) : null;
  const value = useMemo(
    () => ({ ...session, viewer, pending: signedIn && fetching && !viewer }),
    [session, viewer, signedIn, fetching],
  );
  return <SessionContext value={value}>{children}</SessionContext>;
}
