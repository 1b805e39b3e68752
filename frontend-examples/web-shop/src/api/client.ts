import { authExchange, type AuthUtilities } from "@urql/exchange-auth";
import { cacheExchange, Client, type CombinedError, fetchExchange } from "urql";
import { RefreshMutation } from "../operations/session";
import { accessToken, dropAccessToken, forgetTokens, keepTokens, refreshToken } from "./tokens";

export function topLevelCode(error: CombinedError | undefined): string | undefined {
  const code = error?.graphQLErrors[0]?.extensions?.["code"];
  return typeof code === "string" ? code : undefined;
}

/** How long the server asks to wait before the same request is sent again; 0: it did not say. */
export function waitMs(error: CombinedError | undefined): number {
  const told = error?.graphQLErrors[0]?.extensions?.["retryAfterMs"];
  return typeof told === "number" ? told : 0;
}

// A refresh token is good for one use. A language switch makes a second client, which must wait for the
// first one's refresh instead of spending the same token again.
let refreshing: Promise<void> | null = null;

const isUnauthenticated = (error: CombinedError): boolean =>
  topLevelCode(error) === "UNAUTHENTICATED" ||
  (error.response as Response | undefined)?.status === 401;

async function refresh(tools: AuthUtilities, onSessionLost: () => void): Promise<void> {
  const token = refreshToken();
  if (!token) return;
  // The server refuses any request with an expired token, the one that renews it too.
  dropAccessToken();
  const { data, error } = await tools.mutate(RefreshMutation, { input: { refreshToken: token } });
  const payload = data?.sessionRefresh;
  if (payload?.accessToken) {
    keepTokens(payload);
  } else if (payload || (error && isUnauthenticated(error))) {
    // The server refused: the session is over. A lost connection alone does not end it.
    forgetTokens();
    onSessionLost();
  }
}

/**
 * One client per language and session, so that no answer of one language or person is ever shown to
 * another. The document cache is enough here: stock and prices must be fresh rather than normalised.
 */
export function makeClient(language: string, onSessionLost: () => void): Client {
  return new Client({
    url: import.meta.env.VITE_SHOP_ENDPOINT ?? "/graphql/shop",
    preferGetMethod: false,
    fetchOptions: { headers: { "Accept-Language": language } },
    exchanges: [
      cacheExchange,
      authExchange(async (tools) => ({
        addAuthToOperation(operation) {
          const token = accessToken();
          return token
            ? tools.appendHeaders(operation, { Authorization: `Bearer ${token}` })
            : operation;
        },
        // After a reload only the refresh token is left: trade it before the first request.
        willAuthError: () => accessToken() === null && refreshToken() !== null,
        didAuthError: (error) => isUnauthenticated(error) && refreshToken() !== null,
        refreshAuth() {
          refreshing ??= refresh(tools, onSessionLost).finally(() => {
            refreshing = null;
          });
          return refreshing;
        },
      })),
      fetchExchange,
    ],
  });
}
