/**
 * What the address of a published page asks for, before anything is painted: `?theme=light|dark` and `?kiosk`.
 *
 * A classic script within the page's head; the style sheet does the rest by these attributes of the root element. The
 * page's program has it, too: a page that was made with an earlier one of these is not let run that by the server.
 */
{
  const asked = new URLSearchParams(location.search);
  const theme = asked.get("theme");
  const { dataset } = document.documentElement;
  if (theme === "light" || theme === "dark") dataset["jpThemeLight"] = String(theme === "light");
  if (asked.has("kiosk") && !["0", "false"].includes(asked.get("kiosk") ?? "")) dataset["kiosk"] = "";
  if (window.parent !== window) dataset["embedded"] = "";
}
