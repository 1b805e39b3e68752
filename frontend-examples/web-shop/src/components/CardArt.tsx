// No picture of any brand is used: the art is drawn from the brand's name, the same name always alike.
const ANGLES = [115, 135, 155, 200];

function hash(text: string): number {
  let value = 2166136261;
  for (const char of text) value = Math.imul(value ^ (char.codePointAt(0) ?? 0), 16777619) >>> 0;
  return value;
}

function initials(brand: string): string {
  // "China" begins many brands and tells none of them apart.
  const words = brand.trim().replace(/^中国(?=.)/u, "").split(/[\s&·-]+/u).filter(Boolean);
  const first = words[0] ?? "";
  if (/\p{Script=Han}/u.test(first)) return Array.from(first).slice(0, 2).join("");
  const letters = words.length > 1 ? words.slice(0, 2).map((word) => Array.from(word)[0]) : Array.from(first).slice(0, 2);
  return letters.join("").toUpperCase();
}

export function CardArt({ brand, small = false }: { brand: string; small?: boolean }) {
  const seed = hash(brand);
  const hue = seed % 360;
  const turn = 35 + (seed >>> 9) % 50;
  const angle = ANGLES[(seed >>> 17) % ANGLES.length];
  const background =
    `radial-gradient(circle at ${20 + (seed >>> 5) % 60}% 0%, hsl(${hue + turn} 90% 72% / .75), transparent 55%),` +
    `linear-gradient(${angle}deg, hsl(${hue} 68% 42%), hsl(${hue + turn} 72% 36%))`;
  return (
    <div className={small ? "art art-small" : "art"} style={{ background }} aria-hidden="true">
      <span className="art-chip" />
      <span className="art-initials">{initials(brand)}</span>
      <span className="art-brand">{brand}</span>
    </div>
  );
}
