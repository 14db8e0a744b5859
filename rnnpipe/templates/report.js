// A link to a folded setting unfolds it and what it lies in.
const unfold = () => {
  let target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (; target; target = target.parentElement) {
    if (target instanceof HTMLDetailsElement) target.open = true;
  }
};
addEventListener("hashchange", unfold);
unfold();
