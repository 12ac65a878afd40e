// What an answer to a part of a page means.

// Whether the server led the request to another page: to the one for logging in.
export const answeredElsewhere = ({ finalRequestPath, responsePath }) =>
  Boolean(responsePath) && pathOf(responsePath) !== pathOf(finalRequestPath);

const pathOf = (address) => new URL(address, "http://page.invalid").pathname;

export const reasonOf = (event, status) => {
  if (event === "htmx:responseError") return `the server answered ${status}`;
  return event === "htmx:timeout" ? "the server takes too long" : "the server cannot be reached";
};
