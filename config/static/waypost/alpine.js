// Components of Alpine that modules define. Alpine has started before the first module runs, so their
// elements carry `x-ignore` until then.
export const component = async (name, make) => {
  Alpine.data(name, make);
  for (const element of document.querySelectorAll(`[x-data="${name}"][x-ignore]`)) {
    element.removeAttribute("x-ignore");
    await null; // Alpine handles the change in between
    Alpine.initTree(element);
  }
};
