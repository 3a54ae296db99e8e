// Each list is one string: a bundle parses that faster than an array of literals.
const ADJECTIVES = `
able agile alert amber ample artful atomic auburn awake azure balmy blithe bold brainy brave breezy bright brisk
bubbly calm candid caring cheery civil clear clever coral cosmic cosy crafty crisp curious dapper daring deft
dreamy eager earnest easy elated epic fair fearless fluent fond frank free fresh gallant gentle giddy gifted glad
golden graceful grand handy hardy hearty honest hopeful humble ideal jaunty jolly jovial keen kind lively loyal
lucid lucky mellow merry mighty modest neat nimble noble patient placid plucky polite proud quick quiet radiant
rapid ready robust rosy serene sharp silver smart snug sober solid sound spry stable steady sunny swift tidy
tranquil trusty upbeat vital vivid warm wise witty zesty`.trim().split(/\s+/);

const SCIENTISTS = `
abel airy alder alfven alvarez ampere anning arago archimedes aristarchus arrhenius aspect avogadro babbage bacon
banneker bardeen bascom becquerel bell bernoulli berzelius bessel bethe biot black bohm bohr boltzmann bondi boole
born bose boyle bragg brahe brewster broglie brown buffon bunsen burbidge burnell cannon cantor carnot carson
cassini cauchy cavendish celsius chadwick chandra chebyshev cherenkov church clausius compton copernicus coriolis
coulomb crick curie cuvier dalton darwin davy dedekind descartes dewar diophantus dirac doppler dyson eddington
edison ehrlich einstein eratosthenes erdos erlang euclid euler fahrenheit faraday fermat fermi feynman fibonacci
fisher fizeau fleming florey foucault fourier franklin fresnel friedmann frisch galileo galois galton galvani gamow
gauss geiger germain gibbs glashow godel goeppert golgi goodall green guericke haber hahn halley hamilton harvey
hawking heaviside heisenberg helmholtz henry herschel hertz higgs hilbert hipparchus hodgkin hooke hopper hubble
humboldt hutton huxley huygens hypatia jacobi jeans jenner joliot joule kamerlingh kelvin kepler khayyam kirchhoff
klein koch kolmogorov kovalevskaya lagrange lamarck lamarr landau landsteiner langmuir laplace lavoisier leavitt
leeuwenhoek leibniz lemaitre lenz lie linnaeus lister lorentz lovelace lyell mach malpighi marconi markov
maxwell mayer mcclintock meitner mendel mendeleev mercator messier michelson millikan minkowski mitchell moebius
moseley napier nernst neumann newton nightingale nobel noether oersted ohm oppenheimer pascal pasteur pauli pauling
pavlov payne peano penrose perrin planck poincare poisson priestley ptolemy pythagoras raman ramanujan ramsay
rayleigh riemann roentgen rubin rutherford rydberg sagan sakharov salam salk sanger schrodinger seaborg
semmelweis shannon siemens snell somerville steno stokes tesla thales thomson torricelli turing tyndall vesalius
virchow volta wallace watt weber wegener weierstrass wien wigner wilkins wren wright wu yalow young yukawa zeeman
zeno zernike zwicky`.trim().split(/\s+/);

/** A random name for a container, such as "keen_noether". The caller checks that it is free. */
export function randomName(): string {
  const [first, second] = crypto.getRandomValues(new Uint32Array(2));
  return `${ADJECTIVES[first % ADJECTIVES.length]}_${SCIENTISTS[second % SCIENTISTS.length]}`;
}
