// Which columns of a wide table are shown: those that the reader ticks, kept in this browser. The choice is a rule
// of style and no change of the table, so it holds for what is refreshed too.
const KEY = "waypost-columns";

const kept = () => JSON.parse(localStorage.getItem(KEY) || "{}");

const apply = (choice, style) => {
  const off = [...choice.querySelectorAll("input:not(:checked)")].map(({ dataset }) => dataset.column);
  const rule = (column) => `[data-table="${choice.dataset.choose}"] tr > :nth-child(${column})`;
  style.textContent = off.length ? `${off.map(rule).join(", ")} { display: none; }` : "";
};

for (const choice of document.querySelectorAll("[data-choose]")) {
  const style = document.createElement("style");
  document.head.append(style);
  const chosen = kept()[choice.dataset.choose];
  for (const box of choice.querySelectorAll("input")) if (chosen) box.checked = chosen.includes(box.name);
  apply(choice, style);
  choice.addEventListener("change", () => {
    const names = [...choice.querySelectorAll("input:checked")].map(({ name }) => name);
    localStorage.setItem(KEY, JSON.stringify({ ...kept(), [choice.dataset.choose]: names }));
    apply(choice, style);
  });
}
