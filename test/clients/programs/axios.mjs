import axios from 'axios';

const [url, adapter] = process.argv.slice(2);
const { data } = await axios.get(url, { adapter });
console.log(data);
