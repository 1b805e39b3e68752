const PATHS = {
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14Zm5 12 4.5 4.5",
  close: "M6 6l12 12M18 6 6 18",
  wallet: "M4 7.5h14a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2v-12a2 2 0 0 1 2-2h10M16 13.5h.5",
  orders: "M7 4h10a2 2 0 0 1 2 2v14l-3-2-2 2-2-2-2 2-2-2-3 2V6a2 2 0 0 1 2-2ZM9 9h6M9 13h6",
  user: "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM5 20c.6-3.4 3.500-5 7-5s6.400 1.600 7 5",
  moon: "M20 14.500A8 8 0 0 1 9.500 4a8 8 0 1 0 10.500 10.500Z",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.400 1.400M17.600 17.600 19 19M5 19l1.400-1.400M17.600 6.400 19 5",
  bolt: "M13 3 5 13.500h6L10.500 21 19 10h-6.500L13 3Z",
  shield: "M12 3.500 5 6v5.500c0 4.200 3 7.500 7 9 4-1.500 7-4.800 7-9V6l-7-2.500ZM9 12l2.200 2.200L15.500 10",
  eye: "M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12ZM12 9.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5Z",
  copy: "M9 9h10v11H9zM15 9V5H5v11h4",
  check: "M5 12.500l4.500 4.500L19 7.500",
  minus: "M6 12h12",
  plus: "M6 12h12M12 6v12",
  out: "M14 4H6a1 1 0 0 0-1 1v14a1 1 0 0 0 1 1h8M10 12h10M16.500 8l4 4-4 4",
  alert: "M12 4 2.500 20h19L12 4ZM12 10v4.500M12 17.200v.1",
} as const;

export function Icon({ name, size = 20 }: { name: keyof typeof PATHS; size?: number }) {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
