// The ledger's filter: choose rows by paper, verdict and words. Without it, all are shown.
document.addEventListener("DOMContentLoaded", () => {
  const rows = [...document.querySelectorAll("div.claim.container")];
  const place = document.querySelector("#ledger-filter");
  if (!rows.length || !place) return;

  const marks = (prefix) => {
    const found = new Map(); // mark -> how many rows have it
    for (const row of rows)
      for (const name of row.classList)
        if (name.startsWith(prefix)) found.set(name, (found.get(name) || 0) + 1);
    return found;
  };
  const chooser = (label, prefix, titles) => {
    const select = document.createElement("select");
    select.setAttribute("aria-label", label);
    select.add(new Option(`${label}: all`, ""));
    for (const [name, count] of marks(prefix)) {
      const value = name.slice(prefix.length);
      select.add(new Option(`${titles[value] || value.replaceAll("-", " ")} (${count})`, name));
    }
    return select;
  };
  const paper = chooser("paper and part", "paper-", JSON.parse(place.dataset.papers));
  const verdict = chooser("verdict", "verdict-", {});
  const search = document.createElement("input");
  search.type = "search";
  search.placeholder = "words";
  search.setAttribute("aria-label", "words");
  const shown = document.createElement("output");

  const apply = () => {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const fits =
        [paper.value, verdict.value].every((name) => !name || row.classList.contains(name)) &&
        wanted.every((word) => text.includes(word));
      row.hidden = !fits;
      count += fits;
    }
    shown.textContent = `${count} of ${rows.length} rows`;
  };
  for (const control of [paper, verdict, search]) control.addEventListener("input", apply);
  place.append(paper, verdict, search, shown);
  // a link to a row must find it, whatever is chosen
  addEventListener("hashchange", () => {
    const row = document.getElementById(location.hash.slice(1));
    if (!row?.hidden) return;
    paper.value = verdict.value = search.value = "";
    apply();
    row.scrollIntoView();
  });
  apply();
});
