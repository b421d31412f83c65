// A triangle of points between three languages, each the middle of a hexagon.

const LEFT = { x: 30, y: 325 };
const RIGHT = { x: 370, y: 325 };
const TOP = { x: 200, y: 31 };
const SIDE = RIGHT.x - LEFT.x;

/** All [i, j, k] of whole numbers that sum to n, which stand for the weights i/n, j/n, k/n. */
export function gridPoints(n) {
  const points = [];
  for (let k = 0; k <= n; k += 1) {
    for (let j = 0; j <= n - k; j += 1) points.push([n - j - k, j, k]);
  }
  return points;
}

/** Where a point is drawn: the first language is at the left, the third at the top. */
export function place([i, j, k]) {
  const n = i + j + k;
  return {
    x: (i * LEFT.x + j * RIGHT.x + k * TOP.x) / n,
    y: (i * LEFT.y + j * RIGHT.y + k * TOP.y) / n,
  };
}

/** The corners of a point's hexagon, as SVG's polygon has them. */
export function hexagon(point, n) {
  const { x, y } = place(point);
  const radius = SIDE / n / Math.sqrt(3);
  const corners = [0, 1, 2, 3, 4, 5].map((corner) => {
    const angle = (Math.PI / 3) * (corner + 0.5);
    return `${(x + radius * Math.cos(angle)).toFixed(2)},${(y + radius * Math.sin(angle)).toFixed(2)}`;
  });
  return corners.join(" ");
}

/** All pairs of points whose hexagons touch. */
export function neighbours(n) {
  return gridPoints(n).flatMap(([i, j, k]) =>
    [[i - 1, j + 1, k], [i - 1, j, k + 1], [i, j - 1, k + 1]]
      .filter((other) => Math.min(...other) >= 0)
      .map((other) => [[i, j, k], other]),
  );
}

/** The ends of the edge that two touching hexagons share. */
export function edge(one, other, n) {
  const [a, b] = [place(one), place(other)];
  const [x, y] = [(a.x + b.x) / 2, (a.y + b.y) / 2];
  const scale = 1 / (2 * Math.sqrt(3)); // half an edge over the distance of the middles
  const [dx, dy] = [(a.y - b.y) * scale, (b.x - a.x) * scale];
  return { x1: x - dx, y1: y - dy, x2: x + dx, y2: y + dy };
}

/** The point of the grid nearest to a place. */
export function nearest({ x, y }, n) {
  const distance = (point) => {
    const at = place(point);
    return (at.x - x) ** 2 + (at.y - y) ** 2;
  };
  return gridPoints(n).reduce((best, point) => (distance(best) <= distance(point) ? best : point));
}
