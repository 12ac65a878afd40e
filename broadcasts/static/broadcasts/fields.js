// What the fields of a step do.

// `condition` is "who=filter": a part is shown while the field has that value.
export const shows = (condition, data) => {
  const [name, value] = condition.split("=");
  return data.get(name) === value;
};

// A text with `{{ profile.name | }}` put in, and the place before its end, where the fallback goes.
export const insertInto = (value, start, end, inserted) => ({
  value: value.slice(0, start) + inserted + value.slice(end),
  caret: start + inserted.length - 3,
});
