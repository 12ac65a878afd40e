// What an answer to a part of a page means.

// Whether the server led the request to another page: to the one for logging in. A request for "?a=b" is one for the
// page that asks, which is `here`.
export const answeredElsewhere = ({ finalRequestPath, responsePath }, here = "http://page.invalid/") =>
  Boolean(responsePath) && pathOf(responsePath, here) !== pathOf(finalRequestPath, here);

const pathOf = (address, here) => new URL(address, here).pathname;

export const reasonOf = (event, status) => {
  if (event === "htmx:responseError") return `the server answered ${status}`;
  return event === "htmx:timeout" ? "the server takes too long" : "the server cannot be reached";
};
