// The access token lives in memory only. The refresh token survives a reload of this tab, no more:
// sessionStorage ends with the tab, and nothing of a session is written to localStorage.
const REFRESH_KEY = "kameng.refresh";

let access: string | null = null;

export interface TokenPair {
  accessToken?: string | null | undefined;
  refreshToken?: string | null | undefined;
}

export const accessToken = (): string | null => access;

export const refreshToken = (): string | null => sessionStorage.getItem(REFRESH_KEY);

export function keepTokens(pair: TokenPair): void {
  access = pair.accessToken ?? null;
  if (pair.refreshToken) sessionStorage.setItem(REFRESH_KEY, pair.refreshToken);
}

export function dropAccessToken(): void {
  access = null;
}

export function forgetTokens(): void {
  access = null;
  sessionStorage.removeItem(REFRESH_KEY);
}
