// Tables that sort by a column and show only the rows that hold the words searched for.

// What a cell sorts by: its number, wherever it is one, else its text. No value comes last.
function key(cell) {
  const text = cell.textContent.replace(/[\u2007\u2008,]/g, "").replace(/−/g, "-").trim();
  if (text === "" || text.startsWith("–")) return NaN;
  if (text.includes("∞")) return text.startsWith("-") ? -Infinity : Infinity;
  const number = Number(text.replace(/ ?%$/, ""));
  return Number.isNaN(number) ? text.toLowerCase() : number;
}

function compare(a, b) {
  const missing = [a, b].map(Number.isNaN);
  if (missing[0] || missing[1]) return missing[0] - missing[1];
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return typeof a === "number" ? a - b : a.localeCompare(b, "en", {numeric: true});
}

function sort(table, header, column) {
  const descending = header.ariaSort === "ascending";
  for (const other of table.querySelectorAll("th[aria-sort]")) other.ariaSort = "none";
  header.ariaSort = descending ? "descending" : "ascending";
  const body = table.tBodies[table.tBodies.length - 1]; // the baselines stay above
  const rows = [...body.rows].map((row) => [key(row.cells[column]), row]);
  rows.sort(([a], [b]) => {
    const gaps = Number.isNaN(a) || Number.isNaN(b);
    return descending && !gaps ? compare(b, a) : compare(a, b);
  });
  body.append(...rows.map(([, row]) => row));
}

// The column that a header of the lowest row of headers stands over.
function columns(table) {
  const taken = [], found = new Map();
  [...table.tHead.rows].forEach((row, depth) => {
    let column = 0;
    for (const cell of row.cells) {
      while (taken[column] > depth) column++;
      if (cell.scope === "col") found.set(cell, column);
      for (let i = 0; i < cell.colSpan; i++) taken[column++] = depth + cell.rowSpan;
    }
  });
  return found;
}

for (const table of document.querySelectorAll("table.sortable")) {
  for (const [header, column] of columns(table)) {
    const button = document.createElement("button");
    button.append(...header.childNodes);
    header.append(button);
    header.ariaSort = "none";
    button.onclick = () => sort(table, header, column);
  }
}

// A search field hides what lacks one of its words.
for (const field of document.querySelectorAll("input[data-filters]")) {
  field.closest("[hidden]").hidden = false;
  const items = [...document.querySelectorAll(field.dataset.filters)];
  const count = field.parentElement.querySelector("output");
  const texts = items.map((item) => (item.dataset.words || item.textContent).toLowerCase());
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    items.forEach((item, i) => {
      item.hidden = !words.every((word) => texts[i].includes(word));
      shown += !item.hidden;
    });
    count.textContent = words.length ? `${shown} of ${items.length}` : "";
    for (const group of document.querySelectorAll(field.dataset.groups || "none")) {
      const empty = !group.querySelector(`${field.dataset.items}:not([hidden])`);
      group.hidden = words.length > 0 && empty;
      if (words.length) {
        group.dataset.open ??= group.open; // as it was before the search, and will be after it
        if (!empty) group.open = true;
      } else if (group.dataset.open) {
        group.open = group.dataset.open === "true";
        delete group.dataset.open;
      }
    }
  });
}
