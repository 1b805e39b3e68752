import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { HashRouter } from "react-router";
import { ShopProvider } from "./api/ShopProvider";
import { App } from "./App";
import { I18nProvider } from "./i18n";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/catalog.css";
import "./styles/orders.css";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");

createRoot(root).render(
  <StrictMode>
    <I18nProvider>
      <ShopProvider>
        {/* Addresses behind "#" need no rewrite rule in whatever server carries the built files. */}
        <HashRouter>
          <App />
        </HashRouter>
      </ShopProvider>
    </I18nProvider>
  </StrictMode>,
);
