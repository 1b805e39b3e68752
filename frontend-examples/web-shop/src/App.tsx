import { useEffect } from "react";
import { Route, Routes, useLocation } from "react-router";
import { useSession } from "./api/ShopProvider";
import { usePromo } from "./api/usePromo";
import { Header } from "./components/Header";
import { SignInDialog } from "./components/SignInDialog";
import { Empty } from "./components/states";
import { useI18n } from "./i18n";
import { HomePage } from "./pages/HomePage";
import { OrderPage } from "./pages/OrderPage";
import { OrdersPage } from "./pages/OrdersPage";
import { ProductPage } from "./pages/ProductPage";

export function App() {
  const { t } = useI18n();
  const { lost } = useSession();
  const { pathname } = useLocation();
  usePromo();
  useEffect(() => {
    // Braces on purpose: newer browsers give a promise back, which React would take for a clean-up.
    window.scrollTo(0, 0);
  }, [pathname]);
  return (
    <>
      <button type="button" className="skip" onClick={() => document.getElementById("main")?.focus()}>
        {t("app.skip")}
      </button>
      <Header />
      {lost && (
        <p className="notice notice-warn page" role="status">
          {t("session.lost")}
        </p>
      )}
      <main id="main" className="page" tabIndex={-1}>
        <Routes>
          <Route path="/" element={<HomePage />} />
          <Route path="/card/:slug" element={<ProductPage />} />
          <Route path="/orders" element={<OrdersPage />} />
          <Route path="/orders/:id" element={<OrderPage />} />
          <Route path="*" element={<Empty title={t("page.missing")} />} />
        </Routes>
      </main>
      <footer className="footer">{t("footer.text")}</footer>
      <SignInDialog />
    </>
  );
}
