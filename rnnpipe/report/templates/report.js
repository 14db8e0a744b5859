// A link to a folded setting unfolds it and what it lies in, and clears a search that hides it.
const unfold = (hash) => {
  const named = document.getElementById(hash.slice(1));
  if (named?.closest("[hidden]")) {
    for (const field of document.querySelectorAll("input[data-filters]")) {
      field.value = "";
      field.dispatchEvent(new Event("input"));
    }
  }
  for (let target = named; target; target = target.parentElement) {
    if (target instanceof HTMLDetailsElement) target.open = true;
  }
};
addEventListener("hashchange", () => unfold(location.hash));
// Before the browser scrolls there; and a second click on the same link changes no hash.
addEventListener("click", ({target}) => {
  const link = target.closest("a[href^='#']");
  if (link) unfold(link.hash);
});
unfold(location.hash);
