/**
 * What the address of a published page asks for, before anything is painted: `?theme=light|dark` and `?kiosk`.
 *
 * The style sheet does the rest by these attributes of the root element. Both the script of the page's head and its program
 * have this.
 */
{
  const asked = new URLSearchParams(location.search);
  const theme = asked.get("theme");
  const { dataset } = document.documentElement;
  if (theme === "light" || theme === "dark") dataset["jpThemeLight"] = String(theme === "light");
  if (asked.has("kiosk") && !["0", "false"].includes(asked.get("kiosk") ?? "")) dataset["kiosk"] = "";
  if (window.parent !== window) dataset["embedded"] = "";
}
