export function Logo() {
  return (
    <svg width="36" height="36" viewBox="0 0 40 40" aria-hidden="true">
      <defs>
        <linearGradient id="logo" x1="0" y1="0" x2="1" y2="1">
          <stop stopColor="#ff7a45" />
          <stop offset="1" stopColor="#d4237a" />
        </linearGradient>
      </defs>
      <rect x="3" y="11" width="28" height="19" rx="4" fill="url(#logo)" opacity=".45" transform="rotate(-14 17 20)" />
      <rect x="7" y="12" width="29" height="20" rx="4" fill="url(#logo)" />
      <path d="M7 18h29" stroke="#fff" strokeWidth="3" opacity=".9" />
      <path d="M12 26h7" stroke="#fff" strokeWidth="2.6" strokeLinecap="round" />
    </svg>
  );
}
