// Colours, as page.css has them for light and dark.

const darkness = matchMedia("(prefers-color-scheme: dark)");

function useTheme(isPrinting) {
  const [isDark, setDark] = useState(darkness.matches);
  useEffect(() => {
    const note = () => setDark(darkness.matches);
    darkness.addEventListener("change", note);
    return () => darkness.removeEventListener("change", note);
  }, []);
  return isPrinting ? "print" : isDark ? "dark" : "light";
}

function coloursNow() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  const bars = outcomes.map(({ name }) => of(name));
  return {
    bars,
    inks: bars.map((colour) => (lightness(colour) > 0.2 ? "#10151c" : "#ffffff")),
    text: of("text"),
    muted: of("muted"),
    line: of("line"),
    band: of("band"),
    surface: of("surface"),
    accent: of("accent"),
  };
}

// The relative luminance of a colour `#rrggbb` (WCAG 2).
function lightness(colour) {
  const [red, green, blue] = [1, 3, 5].map((place) => {
    const share = parseInt(colour.slice(place, place + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
