// What the template editor does to a draft, and what it reads from it.

export const copyOf = (value) => JSON.parse(JSON.stringify(value));

// The variables of a text, each once and in order: "Hello {{2}}, {{1}}" has 1 and 2.
export const variablesOf = (text) => {
  const names = [...text.matchAll(/\{\{\s*(\w+)\s*\}\}/g)].map((found) => found[1]);
  return [...new Set(names)].sort((a, b) => a - b);
};

export const nextVariable = (text) => {
  const numbers = variablesOf(text).map(Number).filter(Number.isFinite);
  return `{{${Math.max(0, ...numbers) + 1}}}`;
};

// `level` is the draft itself or one of its cards. An offer's button is a link, others go on as before.
export const addButton = (draft, level) => {
  const type = draft.kind === "limited-time offer" ? "URL" : (level.buttons.at(-1)?.type ?? "QUICK_REPLY");
  level.buttons.push(buttonOf(type));
};

const buttonOf = (type) => ({
  type,
  text: "",
  url: "",
  phone: "",
  example: "",
  tracked: false,
  kept: {},
});

// A new card is shaped like the one before it, as Meta wants them all. `empty` is a draft of nothing.
export const addCard = (draft, empty) => {
  const last = draft.cards.at(-1);
  const types = last ? last.buttons.map(({ type }) => type) : ["QUICK_REPLY"];
  draft.cards.push({
    header: { ...copyOf(empty.header), format: last?.header.format ?? "IMAGE" },
    body: copyOf(empty.body),
    buttons: types.map(buttonOf),
    kept: {},
    others: [],
  });
};

export const move = (list, from, by) => {
  list.splice(from + by, 0, ...list.splice(from, 1));
};

const FIELDS = /^(header|body|footer|offer|buttons|cards)(\.|$)/;

// The places that something is said of and the form has no field for. As JSON nothing is outside: all
// problems are listed beside the text.
export const placesOutside = (mode, problems, hints) =>
  mode === "form" ? Object.keys({ ...problems, ...hints }).filter((place) => !FIELDS.test(place)) : [];
