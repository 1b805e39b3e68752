const GUEST_KEY = "kameng.guest";

/** A random identifier. `crypto.randomUUID` is missing on plain-http addresses other than localhost. */
export function freshId(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The device of a guest: kept, so that a guest who comes back finds the same orders. */
export function guestDeviceId(): string {
  const kept = localStorage.getItem(GUEST_KEY);
  if (kept) return kept;
  const made = freshId();
  localStorage.setItem(GUEST_KEY, made);
  return made;
}
