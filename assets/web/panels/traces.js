export function create() { return { draw() {} }; }
