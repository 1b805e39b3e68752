/// <reference types="vite/client" />

interface ImportMetaEnv {
  /** Where the shop API is, when it is not on the shop's own origin. */
  readonly VITE_SHOP_ENDPOINT?: string;
}
